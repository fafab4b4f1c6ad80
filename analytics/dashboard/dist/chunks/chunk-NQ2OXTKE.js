import{$ as p,E as h,_ as x,aa as k,b as d,h as r,i as b,l as g,ma as a}from"./chunk-JKRTTABF.js";var G=["==","!=","=~","!~","=^","!^"],v="segment:",I=/^((?:\\.|[^\\=!])+)(==|!=|=~|!~|=\^|!\^)(.*)$/s;function C(t,e){let n=[""];for(let[s]of t.matchAll(/\\.|[^\\]/gs))s===e?n.push(""):n[n.length-1]+=s;return n}var S=t=>t.replace(/\\(.)/gs,"$1"),j=t=>t.replace(/[;|\\]/g,"\\$&");function m(t){return C(t,";").filter(Boolean).map(e=>{if(e.startsWith(v))return{text:e,segment:S(e.slice(v.length))};let n=I.exec(e);return n?{text:e,field:n[1],operator:n[2],values:C(n[3],"|").map(S)}:{text:e}})}var F=(t,e,n)=>t+e+n.map(j).join("|"),P=t=>"payload."+t.replace(/[\\=!~^;|]/g,"\\$&"),u=t=>t.join(";");function O(t,e,n){let s=m(t).map(o=>o.text);return u(s.flatMap((o,i)=>i===e?n?[n]:[]:[o]))}var E=(t,e)=>u([...new Set([...m(t).map(n=>n.text),e])]);function U(t,e,n){let s=F(e,"==",[n??""]);return m(t).some(o=>o.text===s)}function V(t,e,n){let s=F(e,"==",[n??""]),o=m(t),i=o.filter(c=>!(c.field===e&&c.operator==="=="));return u([...i.map(c=>c.text),...o.some(c=>c.text===s)?[]:[s]])}function W({state:t,go:e,edit:n}){let s=m(t.filter);return s.length?r`<div class="chips" role="group" aria-label=${a("filters")}>
    ${s.map((o,i)=>r`<${M} key=${o.text} term=${o} edit=${()=>n(i)}
      remove=${()=>e({filter:O(t.filter,i)})} />`)}
    <button class="text-btn" onClick=${()=>e({filter:""})}>${a("clearFilters")}</button>
  </div>`:null}function M({term:t,edit:e,remove:n}){let{name:s,values:o}=x(t),i=r`<span class="lbl">${s} <b>${o}</b></span>`;return r`<span class="chip">
    ${t.field?r`<button onClick=${e} title=${a("editFilter")}>${i}</button>`:r`<button disabled>${i}
      </button>`}
    <button aria-label=${a("removeFilter",{name:`${s} ${o}`})} onClick=${n}><${p} name="x" size="13" />
      </button>
  </span>`}function q({state:t,go:e,add:n,save:s}){let[o,i]=d(null),c="segments?site="+encodeURIComponent(b),T=()=>h(c).then(l=>i(l.segments),()=>i([])),$=m(t.filter).map(l=>l.segment),y=l=>{let f=$.indexOf(l.name);e({filter:f<0?E(t.filter,l.term):O(t.filter,f)})};return r`<${k} kind="filter-menu" icon="filter" label=${r`<span class="short">${a("filter")}
    </span>`} title=${a("filter")+" (/)"} onOpen=${T}>
    <button data-close class="item" onClick=${n}><${p} name="plus" />${a("addFilter")}<kbd class="kbd">/</kbd></button>
    ${t.filter&&g("write")&&r`<button data-close class="item" onClick=${s}>
      <${p} name="check" />${a("saveSegment")}</button>`}
    <div class="sep"></div>
    <div class="pop-title">${a("segments")}</div>
    ${o&&!o.length&&r`<div class="item none">${a("noSegments")}</div>`}
    ${o&&o.length>0&&r`<div role="menu" aria-label=${a("segments")}>
      ${o.map(l=>r`<button key=${l.id} data-close class="item" role="menuitemcheckbox"
        aria-checked=${$.includes(l.name)}
        title=${l.filter} onClick=${()=>y(l)}><span class="lbl">${l.name}</span></button>`)}
    </div>`}
  <//>`}export{G as a,m as b,F as c,P as d,O as e,E as f,U as g,V as h,W as i,q as j};
